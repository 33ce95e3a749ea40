// Says when the model is starting or the connection is lost, and what answers.
import { get } from "./server.js";

const STARTING_MS = 2000;
const READY_MS = 30000;

export class EngineStatus {
  constructor() {
    this.banner = document.getElementById("banner");
    this.text = document.getElementById("banner-text");
    this.ready = this.banner.hidden;
    this.connected = true;
  }

  async watch() {
    if (!document.hidden) await this.#ask();
    setTimeout(() => this.watch(), this.ready ? READY_MS : STARTING_MS);
  }

  connection(connected) {
    this.connected = connected;
    this.#show();
  }

  async #ask() {
    let status;
    try {
      status = await (await get("/chat/status")).json();
    } catch {
      return; // a stream that is cut says so itself
    }
    this.ready = status.ready;
    if (this.ready) {
      for (const name of ["model", "notice", "attribution"]) {
        document.getElementById(name).textContent = status[name];
      }
      document.getElementById("model").hidden = false;
    }
    this.#show();
  }

  #show() {
    this.banner.hidden = this.ready && this.connected;
    this.text.textContent = this.connected
      ? "The model is starting …"
      : "The connection was lost. Trying again …";
  }
}
