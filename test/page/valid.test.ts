import { HtmlValidate } from 'html-validate';
import { expect, test } from 'vitest';
import { statusPage } from '../../scripts/page/page.ts';
import { statusOf } from '../../scripts/page/status.ts';
import { EVIL, STATES } from './states.ts';

test.each(Object.entries(STATES))('the page is valid HTML: %s', async (_, facts) => {
  const { manifest, history } = facts;
  const owners = { hasLogo: true, notice: EVIL };
  const validator = new HtmlValidate({
    extends: ['html-validate:recommended'],
    rules: {
      'doctype-style': 'off', // the lower-case form of the specification
      'long-title': 'off',
      'require-sri': 'off', // the only thing that it loads is a picture
      'no-trailing-whitespace': 'off',
    },
  });
  const report = await validator.validateString(
    statusPage({ status: statusOf(facts), manifest, history, owners }),
  );
  expect(
    report.results.flatMap(({ messages }) =>
      messages.map(({ ruleId, message, line }) => `${line}: ${ruleId}: ${message}`),
    ),
  ).toEqual([]);
});
