import type { Clock } from '../../../runtime/contracts/host.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';

const [beganS, beganNs] = process.hrtime();

/** The real clock, without the eight modules that `performance` loads. Monotonic time is since the start of the process, as there. */
export const agentClock: Clock = {
  ...systemClock,
  monotonicMs() {
    const [seconds, nanoseconds] = process.hrtime();
    return (seconds - beganS) * 1000 + (nanoseconds - beganNs) / 1e6;
  },
};
