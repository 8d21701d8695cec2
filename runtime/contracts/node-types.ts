export type Side = 'server' | 'edge';

/** Where each node of ours can run (CONTRACTS §6). The server registers all of them: one unknown type stops every flow. */
export const NODE_TYPES = {
  camera: ['server', 'edge'],
  'camera-capture': ['server', 'edge'],
  'camera-settings': ['server', 'edge'],
  'delta-detect': ['server', 'edge'],
  'device-config': ['server', 'edge'],
  dialect: ['server', 'edge'],
  'hls-out': ['server', 'edge'],
  'mjpeg-out': ['server', 'edge'],
  'webrtc-out': ['server', 'edge'],
  'rtmp-push': ['server', 'edge'],
  retention: ['server', 'edge'],
  stepper: ['server', 'edge'],
  'ingest-frame': ['server'],
  'frame-queue': ['server'],
  'job-done': ['server'],
  'livekit-ingress': ['server'],
  'event-in': ['server'],
  'youtube-live': ['server'],
  'device-command': ['server'],
  'device-in': ['server'],
  'frame-upload': ['edge'],
} as const satisfies Record<string, readonly Side[]>;

export type NodeType = keyof typeof NODE_TYPES;

/** Tells whether a node of ours can do its work on that side; types that are not ours are not judged. */
export function runsOn(type: string, side: Side): boolean {
  const sides: readonly Side[] | undefined = (NODE_TYPES as Record<string, readonly Side[]>)[type];
  return sides === undefined || sides.includes(side);
}
