import { join } from 'node:path';

/** The root of this project. */
export const REPOSITORY = join(import.meta.dirname, '..', '..');
