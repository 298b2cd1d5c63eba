/** A JSON request to a component or relay; rejects with the answer's text where it is not 200. */
export async function askJson(
  fetch: typeof globalThis.fetch,
  url: string,
  request?: { readonly method: 'POST' | 'PUT'; readonly body: unknown },
): Promise<unknown> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(5000),
    ...(request === undefined ? {} : { method: request.method, body: JSON.stringify(request.body) }),
  });
  if (response.status !== 200)
    throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
