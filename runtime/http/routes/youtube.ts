import { Type } from 'typebox';
import { AppError } from '../../contracts/errors.ts';
import { type YoutubeService, YoutubeStatus } from '../../contracts/published.ts';
import { Answer, type RouteSpec } from '../route.ts';

/** Google's word for why there is no access; what is no word of that kind is not repeated. */
function refusal(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error : 'failed';
}

/** How a login ended, in a word for the console. */
async function outcome(youtube: YoutubeService, came: [state: string, code: string, by: string]): Promise<string> {
  try {
    await youtube.finish(...came);
    return 'connected';
  } catch (error) {
    return error instanceof AppError && error.code === 'auth.invalid'
      ? String(error.details.problem ?? 'failed')
      : 'failed';
  }
}

/** Connecting the Google account of broadcasts: who may do what it may is an administrator. */
export function youtubeRoutes(youtube: () => YoutubeService): RouteSpec[] {
  const tag = 'streams';
  return [
    {
      method: 'get',
      path: '/youtube',
      access: 'operator',
      tag,
      summary: 'How it stands with the Google account, and with its quota',
      answer: YoutubeStatus,
      handle: () => youtube().status(),
    },
    {
      method: 'post',
      path: '/youtube/connect',
      access: 'admin',
      tag,
      summary: 'Where to send the browser to connect a Google account; good for ten minutes, once, for you',
      answer: Type.Object({ url: Type.String() }, { title: 'YoutubeLogin' }),
      errors: ['stream.not_set_up'],
      async handle({ actor }) {
        return { url: await youtube().begin(actor.name) };
      },
    },
    {
      method: 'get',
      path: '/youtube/callback',
      access: 'admin',
      tag,
      summary: 'Where Google sends the browser back to',
      query: Type.Object({
        state: Type.Optional(Type.String({ maxLength: 200 })),
        code: Type.Optional(Type.String({ maxLength: 2000 })),
        error: Type.Optional(Type.String({ maxLength: 200 })),
        scope: Type.Optional(Type.String({ maxLength: 2000 })),
      }),
      status: 303,
      // Whoever comes here is a person in a browser: what went wrong is told by the page, not by an answer of the API.
      async handle({ query: { state = '', code = '', error }, actor }) {
        const came =
          typeof error === 'string'
            ? refusal(error)
            : await outcome(youtube(), [String(state), String(code), actor.name]);
        return new Answer(303, undefined, { Location: `${youtube().page}?youtube=${came}` });
      },
    },
    {
      method: 'delete',
      path: '/youtube',
      access: 'admin',
      tag,
      summary: 'Forget the Google account',
      status: 204,
      async handle() {
        await youtube().disconnect();
        return new Answer(204);
      },
    },
  ];
}
