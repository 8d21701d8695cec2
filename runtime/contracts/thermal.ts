/** How hot a small computer is; seed 000 names these bands (S0.37). */
export const THERMAL_BANDS = ['normal', 'warm', 'throttle', 'critical'] as const;
export type ThermalBand = (typeof THERMAL_BANDS)[number];

/** °C from which on it is warm, slowed down by its firmware, in danger. */
const WARM_C = 60;
const THROTTLE_C = 75;
const CRITICAL_C = 80;

/** The band of a temperature; one that nobody measures counts as normal. */
export function thermalBand(celsius: number | null): ThermalBand {
  if (celsius === null || celsius < WARM_C) return 'normal';
  if (celsius < THROTTLE_C) return 'warm';
  return celsius < CRITICAL_C ? 'throttle' : 'critical';
}
