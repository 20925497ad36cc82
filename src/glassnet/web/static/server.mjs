// Talking to the server: JSON in and out, with the page's token, and patience where a line fails.

const token = document.querySelector('meta[name="csrf"]').content;

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function get(path) {
  return answer(await fetch(path, { headers: { accept: "application/json" } }));
}

export async function post(path, body = {}) {
  const headers = { accept: "application/json", "content-type": "application/json", "x-csrf-token": token };
  return answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

// The same request again until the server has answered: what it has stored already it says again.
export async function insist(request, waiting) {
  for (let pause = 500; ; pause = Math.min(2 * pause, 8000)) {
    try {
      const result = await request();
      waiting(false);
      return result;
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && error.status !== 429) throw error;
      waiting(true);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function answer(response) {
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  throw new Refused(response.status, said.detail ?? `The server answered ${response.status}.`);
}
