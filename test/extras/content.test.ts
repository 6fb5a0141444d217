import { expect, test } from 'vitest';
import { requireContent } from '../../scripts/extras/content.ts';

const refused = (name: string, bytes: string | Buffer) => {
  try {
    requireContent(name, Buffer.from(bytes));
    return 'taken';
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test.each([
  ['nothing', ''],
  ['blank lines', '\n \n'],
  ['a page of HTML', '<!DOCTYPE html><html><body>not found</body></html>'],
  ['a page of HTML in capitals, after blank lines', '\n\n  <HTML>'],
  ['XML', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'],
  ['JSON', '{\n "message": "limit exceeded" }'],
  ['a list of JSON', '[ {"error": 1} ]'],
  ['bytes', 'Own.Test:0:*:6f\0\n'],
  ['what is compressed', Buffer.from('1f8b0800', 'hex')],
  ['an archive', 'PK\x03\x04'],
  ['UTF-16', Buffer.from('fffe4f00', 'hex')],
  ['UTF-8 with a byte order mark', '\ufeffOwn.Test:0:*:6f776e\n'],
])('%s is no file of signatures', (_, bytes) => {
  for (const name of ['own.ndb', 'own.ign2', 'own.yar'])
    expect(refused(name, bytes)).toBe('extra/wrong-type');
});

test('an answer in words is no list of names, though ClamAV would take it for one', () => {
  expect(refused('own.ign2', 'Too many requests\n')).toBe('extra/wrong-type');
  expect(refused('own.ign', 'Access denied')).toBe('extra/wrong-type');
  expect(
    refused('own.ign2', '# comment, in words\r\nOwn.Test\r\n\nOther:bc356bae4c42f19a3de16e333ba3569c\n'),
  ).toBe('taken');
});

test('XML is an .ioc, and HTML is none', () => {
  expect(refused('own.ioc', '<?xml version="1.0"?><ioc></ioc>')).toBe('taken');
  expect(refused('own.ioc', '<!DOCTYPE html><html></html>')).toBe('extra/wrong-type');
});

test.each([
  ['own.yar', 'rule own { strings: $a = "own" condition: $a }\n'],
  ['own.ndb', 'Own.Test:0:*:6f776e\n'],
  ['own.pdb', 'H:example.com\n'],
])('%s is taken', (name, text) => {
  expect(refused(name, text)).toBe('taken');
});
