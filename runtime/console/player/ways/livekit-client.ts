/** Of livekit-client only what is used, so that the rest is left out of the file that is loaded for it. */
export { DisconnectReason, Room, setLogLevel } from 'livekit-client';
