// Talking to the server: JSON out and in, and one sentence when it fails.

export class Failure extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status; // 0: no answer came at all
  }
}

export async function post(path, body = {}) {
  const response = await request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

export async function get(path) {
  return request(path, {});
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(20000) });
  } catch {
    throw new Failure("Outrider can't be reached. Check the connection.", 0);
  }
  if (response.status === 401) {
    dispatchEvent(new Event("signedout"));
    location.reload(); // the server shows the way
  }
  if (!response.ok) throw new Failure(await sentence(response), response.status);
  return response;
}

async function sentence(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered with status ${response.status}.`;
  }
}

// crypto.randomUUID exists on https and localhost only; this does everywhere.
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
