/** What bytes are that are no ClamAV database, and what to do about it. */
export interface Recognised {
  /** Goes on from "it is". */
  readonly what: string;
  readonly advice: string;
}

/** Characters of a page's title. */
const TITLE = 80;

/** What hosts are known to send in the place of a database; `undefined`: nothing that is known. */
export function recognise(start: Uint8Array): Recognised | undefined {
  const text = Buffer.from(start.buffer, start.byteOffset, start.byteLength).toString('latin1');
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    return {
      what: 'a Git LFS pointer, which stands for the file in a repository',
      advice:
        'Take the file from where the host serves what is in Git LFS, or check it out with Git LFS there',
    };
  }
  if (/^\s*<(!doctype|html|head|body|\?xml)/i.test(text)) {
    const title = /<title[^>]*>\s*([^<]*?)\s*</i.exec(text)?.[1]?.slice(0, TITLE);
    const titled = title === undefined || title === '' ? '' : ` titled ${JSON.stringify(title)}`;
    return {
      what: `an HTML or XML page${titled}`,
      advice: 'Open the address in a browser: mostly it is a login, an error, or a block by a proxy or CDN',
    };
  }
  return undefined;
}
