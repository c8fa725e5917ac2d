/** A stand-in for the application's own HTTP module: a token, JSON, and the server's `detail` when it says no. */

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${process.env.BAHI_URL}${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${process.env.BAHI_TOKEN}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.detail)
  return answer as T
}

export const api = {
  get: <T = unknown>(path: string) => call<T>('GET', path),
  post: <T = unknown>(path: string, body?: unknown) => call<T>('POST', path, body),
}
