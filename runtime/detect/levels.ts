/** How much must differ before it counts. Grey levels are 0..255, shares 0..1; found by measurement, see the README. */
export const LEVELS = {
  /** a window differs when structure and brightness together pass 1: this loss of structure alone would ... */
  structure: 0.5,
  /** ... and so would this difference of its mean, in grey levels */
  brightness: 18,
  /** a place may lose this share of its light to a shadow before it differs by its brightness alone */
  shadow: 0.15,
  /** it differs plainly by this much of either alone, in the units above ... */
  plainStructure: 0.9,
  plainBrightness: 2.5,
  /** ... and this many windows may count for each that does */
  perPlain: 4,
  /** variance that sensor noise may make; keeps flat windows from being judged by their noise */
  noiseVariance: 60,
  /** a window with more variance than this holds detail */
  detailVariance: 60,
  /** an interaction is over when the score falls below this share of the threshold that started it */
  back: 0.6,
  /** what a restless ROI shows at rest is added to its threshold this many times, up to the cap */
  unrest: 2,
  unrestCap: 0.25,
  /** a window moves when it differs this much from the last third of a second, in grey levels ... */
  motion: 2.5,
  /** ... or this many times what the middle window of the picture does, which is noise */
  motionNoise: 3,
  /** an ROI is still when no more than this share of its windows moves, and this share of those that changed (water, leaves) */
  still: 0.02,
  stillPerChange: 0.12,
  /** something moves elsewhere when more than this share of all windows do */
  stirred: 0.05,
  /** more than this share of the ROI changed: somebody stands in it. Goods may fill an ROI that was drawn around them. */
  crowded: { interaction: 0.55, inventory: 0.8, ignore: 1 },
  /** stock changed: share of windows that differ after from before */
  inventory: 0.08,
  /** share of the detail that is gone when the camera is obstructed, and share below which it is clear again */
  obstructed: 0.8,
  clear: 0.5,
  /** share of the detail that is elsewhere when the camera was moved */
  shifted: 0.7,
} as const;
