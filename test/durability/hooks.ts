const hooks: (() => unknown)[] = [];

/** What test/support hands to mocha's `after`, for a program that runs without mocha: to be loaded before any of it. */
globalThis.after = ((hook: () => unknown) => {
  hooks.push(hook);
}) as typeof globalThis.after;

/** Gives back what the run acquired, the newest first. */
export async function runHooks(): Promise<void> {
  for (const hook of hooks.reverse()) await hook();
}
