import type { CaptureBody, GalleryList, ImageRecord, VideoRecord } from '../../contracts/gallery.ts';
import { address, client, type Query } from './client.ts';
import { whole, wholeById } from './whole.ts';

export type { ConfigAnswer, RoisAnswer } from '../../contracts/client/shapes.ts';

/** What the console asks for, in its own words, over the client that is made from the API's document. */
export const calls = {
  devices: () => wholeById(client.getDevices),
  device: client.getDevice,
  createDevice: client.postDevices,
  patchDevice: client.patchDevice,
  deleteDevice: client.deleteDevice,
  rotateKey: client.postDeviceRotateKey,
  config: client.getDeviceConfig,
  putConfig: client.putDeviceConfig,

  cameras: () => wholeById(client.getCameras),
  camera: client.getCamera,
  createCamera: client.postCameras,
  patchCamera: client.patchCamera,
  deleteCamera: client.deleteCamera,
  cameraSettings: (camera: string) => client.getCameraSettings(camera),
  putCameraSettings: client.putCameraSettings,
  /** Tries an address once; what is wrong with it is in the answer. */
  testCamera: (url: string) => client.postCamerasTest({ url }),
  liveWays: client.getCameraLive,
  rois: client.getCameraRois,
  putRois: client.putCameraRois,
  newestCapture: async (camera: string) => (await client.getCaptures({ camera, limit: 1 })).items[0],
  capture: client.getCapture,

  takePicture: (camera: string, body: CaptureBody) => client.postCameraCapture(camera, body),
  images: async (query: Query) => (await client.getImages(query)) as GalleryList<ImageRecord>,
  deleteImage: client.deleteImage,
  products: () => whole(client.getProducts),
  createProduct: client.postProducts,
  deleteProduct: client.deleteProduct,

  streams: () => wholeById(client.getStreams),
  createStream: client.postCameraStreams,
  patchStream: client.patchStream,
  startStream: (id: string) => client.postStreamStart(id),
  stopStream: (id: string) => client.postStreamStop(id),
  deleteStream: client.deleteStream,
  youtube: () => client.getYoutube(),
  connectYoutube: () => client.postYoutubeConnect(),
  disconnectYoutube: () => client.deleteYoutube(),
  videos: async (limit: number) => (await client.getVideos({ limit })) as GalleryList<VideoRecord>,
  deleteVideo: (id: number) => client.deleteVideo(id),

  events: (query: Query, signal?: AbortSignal) => client.getEvents(query, { signal }),
  event: client.getEvent,
  patchEvent: client.patchEvent,

  pairDevice: client.postPairingClaim,
  users: async () => (await whole(client.getUsers)).sort((one, other) => one.name.localeCompare(other.name)),
  createUser: client.postUsers,
  patchUser: client.patchUser,
  deleteUser: client.deleteUser,
  appPasswords: (user: number) => whole((query) => client.getUserCredentials(user, query)),
  createAppPassword: client.postUserCredentials,
  deleteAppPassword: client.deleteUserCredential,

  changePassword: (current: string, next: string) =>
    client.postAuthPassword({ current_password: current, new_password: next }),
  /** Version and uptime of the server's process; it lies beside the API. */
  about: async (): Promise<{ version: string; uptime_s: number }> => (await fetch(address('healthz'))).json(),
};
