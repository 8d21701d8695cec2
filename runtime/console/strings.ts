import { deviceStrings } from './strings/devices.ts';
import { eventStrings } from './strings/events.ts';
import { imageStrings } from './strings/images.ts';
import { placeStrings } from './strings/places.ts';
import { playerStrings } from './strings/player.ts';
import { regionStrings } from './strings/regions.ts';
import { streamStrings } from './strings/streams.ts';
import { userStrings } from './strings/users.ts';

/** Every word the console says, in one catalogue: a translation replaces this object. */
export const words = {
  ...placeStrings,
  events: eventStrings,
  images: imageStrings,
  devices: deviceStrings,
  regions: regionStrings,
  player: playerStrings,
  streams: streamStrings,
  users: userStrings,
};
