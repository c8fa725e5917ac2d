/** A typed client of Bahi's API: every route with its parameters, bodies and answers, as the API describes itself. */

import createFetchClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

/** What was wrong and what to do: the one shape of every refusal. */
export type Problem = components["schemas"]["Problem"];
export type Schemas = components["schemas"];
export type Bahi = Client<paths>;

export interface Options {
  /** Where the API is, such as `https://billing.example.com`. */
  baseUrl: string;
  /** The bearer token: the customer's, an operator's or the service token. A function is asked before each call. */
  token?: string | (() => string | Promise<string>);
  /** Another `fetch`, for tests or proxies. */
  fetch?: (request: Request) => Promise<Response>;
}

/** `bahi.GET("/v1/plans")` gives `{ data, error, response }`; `answer` makes an exception of an error. */
export function createBahi({ baseUrl, token, fetch }: Options): Bahi {
  const client = createFetchClient<paths>({ baseUrl, ...(fetch ? { fetch } : {}) });
  if (token !== undefined) {
    client.use({
      async onRequest({ request }) {
        request.headers.set("Authorization", `Bearer ${typeof token === "string" ? token : await token()}`);
        return request;
      },
    });
  }
  return client;
}

/** The API said no. `message` is meant for people, `problem.code` for programs. */
export class Refused extends Error {
  override readonly name = "Refused";

  constructor(
    readonly problem: Problem,
    readonly status: number,
  ) {
    super(problem.detail);
  }
}

/** The data of an answer. Throws Refused for a problem, and Error for what is no answer of the API. */
export async function answer<T>(
  called: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<Exclude<T, undefined>> {
  const { data, error, response } = await called;
  if (response.ok && data !== undefined) return data as Exclude<T, undefined>;
  if (isProblem(error)) throw new Refused(error, response.status);
  throw new Error(`${response.url} answered ${response.status} in no shape of the API`);
}

function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "code" in error && "detail" in error;
}
