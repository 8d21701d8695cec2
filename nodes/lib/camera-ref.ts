import type { Host } from '../../runtime/contracts/host.ts';
import type { NodeType } from '../../runtime/contracts/node-types.ts';

/**
 * The camera a node means, as an id: `msg.camera` if the message names one, else the camera of the `camera` node that its form
 * points to, else this host's only or first one. Throws `camera.not_found`.
 */
export function cameraOf(
  context: { host: Host; configOf<C>(id: string, type: NodeType): Readonly<C> | undefined },
  wanted: { message?: unknown; node?: string },
): string {
  const { message, node } = wanted;
  if (typeof message === 'string' && message !== '') return context.host.cameras.resolve(message);
  return context.host.cameras.resolve(cameraOfNode(context, node));
}

/** The camera id that a `camera` node holds; empty (all, or the first) when the form points to none. */
export function cameraOfNode(
  context: { configOf<C>(id: string, type: NodeType): Readonly<C> | undefined },
  node: string | undefined,
): string {
  return (node && context.configOf<{ camera?: string }>(node, 'camera')?.camera) || '';
}
