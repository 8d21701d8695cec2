import { deviceStrings } from './strings/devices.ts';
import { eventStrings } from './strings/events.ts';
import { placeStrings } from './strings/places.ts';
import { playerStrings } from './strings/player.ts';
import { regionStrings } from './strings/regions.ts';

/** Every word the console says, in one catalogue: a translation replaces this object. */
export const words = {
  ...placeStrings,
  events: eventStrings,
  devices: deviceStrings,
  regions: regionStrings,
  player: playerStrings,
};
