// The stream of a live page, for htmx: open while its tab is shown. A browser keeps six connections
// to a server, and tabs that nobody sees would hold them all.

class ShownStream {
  #address;
  #source = null;
  #listeners = [];
  #look = () => {
    this.#source?.close();
    if (!document.hidden) this.#open();
  };

  constructor(address) {
    this.#address = address;
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  get readyState() {
    return this.#source?.readyState ?? EventSource.CONNECTING;
  }

  addEventListener(name, listener) {
    this.#listeners.push([name, listener]);
    this.#source?.addEventListener(name, listener);
  }

  removeEventListener(name, listener) {
    this.#listeners = this.#listeners.filter((one) => one[0] !== name || one[1] !== listener);
    this.#source?.removeEventListener(name, listener);
  }

  close() {
    document.removeEventListener("visibilitychange", this.#look);
    this.#source?.close();
  }

  // The server sends all parts first, so what changed meanwhile is shown.
  #open() {
    this.#source = new EventSource(this.#address);
    this.#source.onopen = (event) => this.onopen?.(event);
    this.#source.onerror = (event) => {
      if (this.readyState === EventSource.CLOSED) this.close(); // htmx makes another one
      this.onerror?.(event);
    };
    for (const [name, listener] of this.#listeners) this.#source.addEventListener(name, listener);
  }
}

// Other streams end by themselves, and a trial is stopped when nobody follows it.
htmx.createEventSource = (address) =>
  document.querySelector(`[data-live][sse-connect="${CSS.escape(address)}"]`)
    ? new ShownStream(address)
    : new EventSource(address);
