import type { Clock } from '../contracts/host.ts';
import { JpegSplitter } from './jpeg-splitter.ts';
import { type Launch, type PipedProcess, startPipedProcess } from './piped-process.ts';

export type { Ending, Launch, PipedProcess as PictureProcess } from './piped-process.ts';

/** Starts a program that writes JPEGs to its standard output, and hands on its pictures. */
export function startPictureProcess(launch: Launch, clock: Clock, onPicture: (jpeg: Buffer) => void): PipedProcess {
  const splitter = new JpegSplitter(onPicture);
  return startPipedProcess(launch, clock, (chunk) => splitter.push(chunk));
}
