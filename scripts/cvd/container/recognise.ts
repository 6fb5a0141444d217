/** A known kind of file that is not a ClamAV database, and advice about it. */
export interface Recognised {
  /** Continues "it is". */
  readonly what: string;
  readonly advice: string;
}

const TITLE_CHARACTERS = 80;

/** Recognises files that hosts are known to send in the place of a database. */
export function recognise(start: Uint8Array): Recognised | undefined {
  const text = Buffer.from(start.buffer, start.byteOffset, start.byteLength).toString('latin1');
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    return {
      what: 'a Git LFS pointer, which stands for the file in a repository',
      advice:
        'Use the address at which the host serves files from Git LFS, or check the file out with Git LFS there',
    };
  }
  if (/^\s*<(!doctype|html|head|body|\?xml)/i.test(text)) {
    const title = /<title[^>]*>\s*([^<]*?)\s*</i.exec(text)?.[1]?.slice(0, TITLE_CHARACTERS);
    const titled = title === undefined || title === '' ? '' : ` titled ${JSON.stringify(title)}`;
    return {
      what: `an HTML or XML page${titled}`,
      advice:
        'Open the address in a browser. Usually it shows a login, an error, or a block by a proxy or CDN',
    };
  }
  return undefined;
}
