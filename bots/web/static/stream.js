// Follows one turn. EventSource reconnects by itself after a cut; where it gives up (an error page
// of a proxy, a restart), it is opened anew, later each time.

const LONGEST_WAIT_MS = 15000;

export class TurnStream {
  constructor(turnId, { onChange, onBefore, onEnd, onConnection, onGone }) {
    this.address = `/chat/turns/${turnId}/stream`;
    this.handlers = { onChange, onBefore, onEnd, onConnection, onGone };
    this.wait = 500;
    this.open();
  }

  open() {
    this.source = new EventSource(this.address);
    this.source.addEventListener("open", () => {
      this.wait = 500;
      this.handlers.onConnection(true);
    });
    this.source.addEventListener("change", (event) => this.handlers.onChange(JSON.parse(event.data)));
    this.source.addEventListener("before", (event) => this.handlers.onBefore(JSON.parse(event.data)));
    this.source.addEventListener("end", (event) => {
      this.close();
      this.handlers.onEnd(JSON.parse(event.data));
    });
    this.source.addEventListener("error", () => {
      this.handlers.onConnection(false);
      if (this.source.readyState === EventSource.CLOSED) this.#later();
    });
  }

  #later() {
    this.timer = setTimeout(() => this.#again(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  // EventSource does not say why it failed, so ask before opening it again.
  async #again() {
    const signal = AbortSignal.timeout(10000);
    const probe = await fetch(this.address, { signal }).catch(() => null);
    probe?.body?.cancel();
    if (this.closed) return;
    if (probe && [401, 404].includes(probe.status)) this.handlers.onGone();
    else if (probe?.ok) this.open();
    else this.#later();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.source.close();
    this.handlers.onConnection(true);
  }
}
