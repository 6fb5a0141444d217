import type { DoctorSettings } from '../../doctor/settings.ts';
import { alertSettings } from '../alerts.ts';
import { notifySettings } from '../github.ts';
import { CERTIFICATE_VARIABLES } from '../network.ts';
import { wantsIssues } from '../notify.ts';
import { type Given, named, SettingError, textOf, together } from '../read.ts';
import { SYNC_OPTIONS, syncSettings } from './sync.ts';

/** Options of `sync`, so that its command line can be tried as it is. */
export const DOCTOR_OPTIONS = SYNC_OPTIONS;

const WORKFLOW = 'mirror.yml';

/** Throws `setting/invalid`, with all that is wrong. */
export function doctorSettings(from: Given): DoctorSettings {
  const { environment } = from;
  const { sync, github } = together({ sync: () => syncSettings(from), github: () => gitHubOf(from) });
  const caFile = textOf('ca-file', from);
  const variables = CERTIFICATE_VARIABLES.map((name) => [name, environment[name]] as const);
  const files = [[named('ca-file', from), caFile] as const, ...variables].flatMap(([name, path]) =>
    path ? [[name, path] as const] : [],
  );
  return {
    file: fileOf(from),
    sync,
    github,
    certificates: Object.fromEntries(files),
    alerts: alertsOf(from),
    marks: marksFor(environment),
  };
}

function fileOf({ file }: Given): DoctorSettings['file'] {
  return file && { path: file.path, options: Object.keys(file.places).length, exposed: file.exposed };
}

/** An address that is wrong is a finding, beside those about everything else. */
function alertsOf(from: Given): DoctorSettings['alerts'] {
  try {
    return alertSettings(from)?.addresses.map(({ kind }) => kind) ?? [];
  } catch (error) {
    if (error instanceof SettingError) return error;
    throw error;
  }
}

function gitHubOf(from: Given): DoctorSettings['github'] {
  const { environment } = from;
  if (!environment.GITHUB_REPOSITORY) return 'this is no workflow of GitHub';
  if (!environment.CLAMAV_MIRROR_GITHUB_TOKEN) return 'no token was handed on, so GitHub was not asked';
  const { github: settings, run } = notifySettings(environment);
  return { settings, workflow: run.workflow ?? WORKFLOW, writesIssues: wantsIssues(from) };
}

/** The locale decides by the usual variables, the first that is set; NO_COLOR asks for plain words. */
function marksFor(environment: Given['environment']): DoctorSettings['marks'] {
  const { NO_COLOR, TERM, LC_ALL, LC_CTYPE, LANG } = environment;
  const isPlain = Boolean(NO_COLOR) || TERM === 'dumb';
  return !isPlain && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '') ? 'signs' : 'plain';
}
