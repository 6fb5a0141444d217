import { checksFor } from '../doctor/checks.ts';
import { type DoctorReport, examine } from '../doctor/doctor.ts';
import type { DoctorSettings } from '../doctor/settings.ts';
import { programs } from '../settings/environment.ts';
import { TALOS } from '../verify/trust.ts';

/** Examines this machine and these settings, with the real programs, keys and clock. */
export async function runDoctor(settings: DoctorSettings): Promise<DoctorReport> {
  const context = { settings, programs: programs(), node: process.version, trust: TALOS };
  return await examine(await checksFor(settings), { ...context, now: () => new Date() });
}
