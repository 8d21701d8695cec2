/** Home Assistant's own topics, as it is set up unless somebody changes it there. */
export const HOME_ASSISTANT = 'homeassistant';
/** `online` when it starts (its birth message), `offline` as its will. */
export const HOME_ASSISTANT_STATUS = `${HOME_ASSISTANT}/status`;

/** What Home Assistant knows a device of ours by: a machine or a camera. Sites keep two servers at one Home Assistant apart. */
export function homeAssistantId(site: string, kind: 'machine' | 'camera', id: string): string {
  return `redeye_${site}_${kind}_${id}`;
}

/** Where its retained description lies (device-based discovery). */
export function discoveryTopic(haId: string): string {
  return `${HOME_ASSISTANT}/device/${haId}/config`;
}

/** The camera that a description of ours is about; undefined for a machine's and for topics of others. */
export function describedCamera(site: string, topic: string): string | undefined {
  const start = `${HOME_ASSISTANT}/device/${homeAssistantId(site, 'camera', '')}`;
  return topic.startsWith(start) && topic.endsWith('/config')
    ? topic.slice(start.length, -'/config'.length)
    : undefined;
}
