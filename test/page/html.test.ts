import { describe, expect, test } from 'vitest';
import { escapeHtml, html, markup } from '../../scripts/page/html.ts';

describe('a template', () => {
  test('escapes what is put in, and leaves markup of other templates alone', () => {
    const inner = html`<b title="${`"'`}">${'<i> & `'}</b>`;
    expect(html`<p>${inner}</p>`.text).toBe('<p><b title="&#34;&#39;">&#60;i&#62; &#38; &#96;</b></p>');
  });

  test('joins lists, writes numbers, and leaves nothing out in words', () => {
    expect(html`${[1, html`<br>`, '<', [0]]}${false}${null}${undefined}`.text).toBe('1<br>&#60;0');
  });

  test('shows characters that are invisible or turn text as question marks', () => {
    expect(html`${'a\u202eb\u0000\nc'}`.text).toBe('a?b??c');
  });

  test('escapes even a text that looks like our markup', () => {
    expect(html`${JSON.parse('{"text":"<b>"}').text}`.text).toBe('&#60;b&#62;');
    expect(html`${markup('<b>')}`.text).toBe('<b>');
    expect(escapeHtml('a\nb')).toBe('a\nb');
  });
});
