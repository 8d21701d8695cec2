import { AppError } from '../../contracts/errors.ts';

/** What a player hears whose session was ended by somebody with the right to; it shows the words as they are. */
export function sessionEnded(): AppError {
  return new AppError('session.ended', 'An administrator ended this session');
}
