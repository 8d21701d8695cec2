/** Ids of devices and cameras: lower case, no separator that MQTT, paths or SQL patterns could read as their own. */
export const ID_PATTERN = '^[a-z0-9][a-z0-9_-]{0,62}$';

/** Names of ROIs. */
export const ROI_NAME_PATTERN = '^[A-Za-z0-9_-]{1,40}$';

/** The device that is built in and owns the cameras which the server itself captures. */
export const SERVER_DEVICE = 'server';

/** The server's camera that PYTHON_CAMERA_URL gives an address. */
export const SERVICE_CAMERA = 'camera-service';

const id = new RegExp(ID_PATTERN);

/** Tells whether the text may be the id of a device or camera. */
export function isId(text: string): boolean {
  return id.test(text);
}

/** The camera that is made together with a device; a very long id is cut so that the camera's is one too. */
export function firstCameraOf(device: string): string {
  return `${device.slice(0, 59)}-cam`;
}
