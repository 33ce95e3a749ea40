// All exchanges of the conversation: asking, stopping, trying again, and going on after a reload.
import { Exchange } from "./exchange.js";
import { Failure, get, post, randomId } from "./server.js";

export class Conversation {
  constructor({ element, onChange, onConnection, onTrouble }) {
    this.element = element;
    this.onTrouble = onTrouble;
    this.exchanges = [];
    this.handlers = {
      onChange: () => onChange(this.exchanges.length, this.exchanges.some((one) => one.live)),
      onEnd: (exchange) => this.#nextIsAnswered(exchange),
      onConnection,
      onRetry: (exchange) => this.#retry(exchange),
      onGone: () => this.#reload(),
    };
  }

  // Takes over what the server rendered, and follows what is still being written.
  resume() {
    for (const element of this.element.querySelectorAll(".exchange")) {
      const exchange = new Exchange(element, this.handlers);
      this.exchanges.push(exchange);
      if (exchange.live) exchange.follow(exchange.turnId);
    }
    this.handlers.onChange();
  }

  ask(text) {
    const exchange = Exchange.fresh(this.handlers);
    exchange.addQuestion(text);
    exchange.clientId = randomId();
    this.exchanges.push(exchange);
    this.element.append(exchange.element);
    this.#send(exchange, text);
  }

  // What the server is not known to have.
  get unsent() {
    return this.exchanges.filter((one) => one.clientId).map((one) => one.text);
  }

  async #send(exchange, text) {
    exchange.sending();
    try {
      const sent = await post("/chat/messages", { text, client_id: exchange.clientId });
      if (this.exchanges.includes(exchange)) this.#accepted(exchange, text, sent);
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      exchange.fail(`Not sent. ${failure.message}`);
    }
  }

  // A message that came before its turn showed anything has joined that turn: show it there. That
  // turn's stream goes on: what is written anew for both replaces what it brought.
  #accepted(exchange, text, { turn_id: turnId, waits, said }) {
    if (said !== undefined) {
      exchange.clientId = null;
      exchange.say(said);
      return;
    }
    const joined = this.exchanges.find((one) => one !== exchange && one.turnId === String(turnId));
    if (!joined) {
      exchange.clientId = null; // it has arrived: trying again asks again
      exchange.waits = waits;
      exchange.follow(turnId);
      return;
    }
    joined.addQuestion(text);
    this.#drop(exchange);
    if (!joined.live) joined.follow(turnId);
  }

  #nextIsAnswered(ended) {
    const next = this.exchanges[this.exchanges.indexOf(ended) + 1];
    if (next) next.waits = false;
  }

  #retry(exchange) {
    if (exchange.clientId) this.#send(exchange, exchange.text);
    else this.ask(exchange.text);
  }

  async stop() {
    for (const { live, turnId } of this.exchanges) {
      if (!live || !turnId) continue;
      try {
        await post(`/chat/turns/${turnId}/stop`);
      } catch (failure) {
        this.onTrouble(failure.message);
      }
    }
  }

  clear() {
    for (const exchange of this.exchanges) exchange.remove();
    this.exchanges = [];
    this.handlers.onChange();
  }

  // The turn is not there any more (another tab began a new chat): show what is.
  async #reload() {
    try {
      const html = await (await get("/chat/history")).text();
      this.clear();
      this.element.innerHTML = html;
      this.resume();
    } catch (failure) {
      this.onTrouble(failure.message);
    }
  }

  #drop(exchange) {
    exchange.remove();
    this.exchanges = this.exchanges.filter((one) => one !== exchange);
    this.handlers.onChange();
  }
}
