const MD5 = '0123456789abcdef0123456789abcdef';
const SHA256 = MD5.repeat(2);
const ICON = `20${'0'.repeat(122)}`;

/** A small valid and a malformed file of one format. */
export interface Sample {
  readonly good: string;
  readonly malformed: string;
  /** ClamAV takes the malformed one, with nothing in it that works: no engine refuses it. */
  readonly isLenient?: true;
}

/** Samples of each format that ClamAV 1.4 loads, by extension. Source: libclamav/readdb.c. */
export const SAMPLES: Readonly<Record<string, Sample>> = {
  hdb: { good: `${MD5}:68:Own.Hdb\n`, malformed: 'nothash:68:Own.Hdb\n' },
  hsb: { good: `${SHA256}:68:Own.Hsb:73\n`, malformed: 'nothash:68:Own.Hsb:73\n' },
  mdb: { good: `4096:${MD5}:Own.Mdb\n`, malformed: '4096:nothash:Own.Mdb\n' },
  msb: { good: `4096:${SHA256}:Own.Msb:73\n`, malformed: '4096:nothash:Own.Msb:73\n' },
  ndb: { good: 'Own.Ndb:0:*:6f776e2d6e64622d74657374\n', malformed: 'Own.Ndb:0:*:xyz\n' },
  ldb: {
    good: 'Own.Ldb;Engine:51-255,Target:0;0;6f776e2d6c64622d74657374\n',
    malformed: 'Own.Ldb;Engine:51-255,Target:0;0&;xyz\n',
  },
  sdb: { good: 'Own.Sdb:0:*:6f776e2d7364622d74657374\n', malformed: 'Own.Sdb:0:*:xyz\n' },
  db: { good: 'Own.Db=6f776e2d64622d74657374\n', malformed: 'Own.Db=zz\n' },
  cdb: { good: 'Own.Cdb:CL_TYPE_ZIP:*:own\\.exe:*:*:*:*:*:*\n', malformed: 'Own.Cdb:CL_TYPE_NONE:x\n' },
  crb: {
    good: 'Own.Crb;1;fe2b4a5b6b7c8d9e0f1a2b3c4d5e6f708192a3b4;;2b6f95fbdb4f4d3e8bc6f3b2ed3b6f4e1c6d6a3b;010001;1;0;0;0;;;\n',
    malformed: 'Own.Crb;1;x\n',
  },
  fp: { good: `${MD5}:68:Own.Fp\n`, malformed: 'nothash:68:Own.Fp\n' },
  sfp: { good: `${SHA256}:68:Own.Sfp:73\n`, malformed: 'nothash:68:Own.Sfp\n' },
  ign: { good: 'own.ndb:1:Own.Ign\n', malformed: 'own.ndb\n', isLenient: true },
  ign2: { good: 'Own.Ign2\n', malformed: 'Own.Ign2:nothash:more\n', isLenient: true },
  // beside databases without one, an .ftm takes the place of the types that ClamAV knows by itself
  ftm: {
    good: [
      '0:0:4f574e46544d:Own:CL_TYPE_ANY:CL_TYPE_BINARY_DATA',
      '0:0:504b0304:ZIP:CL_TYPE_ANY:CL_TYPE_ZIP',
      '0:0:1f8b:GZip:CL_TYPE_ANY:CL_TYPE_GZ',
      '0:0:46726f6d3a20:Mail:CL_TYPE_ANY:CL_TYPE_MAIL',
      '',
    ].join('\n'),
    malformed: '0:0:zz:Own\n',
  },
  pdb: { good: 'H:own.example\n', malformed: 'own.example\n' },
  gdb: { good: `S:P:${SHA256}\n`, malformed: 'nonsense\n' },
  wdb: { good: 'M:own.example:www.own.example\n', malformed: 'nonsense\n' },
  idb: { good: `Own.Idb:A:B:${ICON}\n`, malformed: 'Own.Idb:x\n' },
  imp: { good: `${MD5}:68:Own.Imp\n`, malformed: 'nothash:Own\n' },
  pwdb: { good: 'Own.Pwdb;Engine:81-255,Container:CL_TYPE_ZIP;0;own\n', malformed: 'Own.Pwdb;x\n' },
  zmd: { good: 'Own.Zmd:0:own\\.exe:*:*:*:*:*:*\n', malformed: 'Own.Zmd\n' },
  rmd: { good: 'Own.Rmd:0:own\\.exe:*:*:*:*:*:*\n', malformed: 'Own.Rmd\n' },
  yar: {
    good: 'rule own_yar { strings: $a = "own-yar-test" condition: $a }\n',
    malformed: 'rule own_yar { strings: $a = condition }\n',
  },
  yara: {
    good: 'rule own_yara { strings: $a = "own-yara-test" condition: $a }\n',
    malformed: 'rule own_yara {\n',
  },
};
