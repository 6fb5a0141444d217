const YES = ['true', '1', 'yes', 'on'];
const NO = ['false', '0', 'no', 'off'];

/** Every way in which people write a switch in a variable; `undefined` for anything else. */
export function yesOrNo(text: string | undefined): boolean | undefined {
  const word = text?.trim().toLowerCase() ?? '';
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}
