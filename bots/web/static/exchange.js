// One turn on the page: the questions, and the reply as it grows.
import { Reply } from "./reply.js";
import { TurnStream } from "./stream.js";

export class Exchange {
  constructor(element, handlers) {
    this.element = element;
    this.handlers = handlers; // onChange, onEnd, onConnection, onRetry(text), onGone
    this.answer = element.querySelector(".answer");
    this.reply = new Reply(element.querySelector(".reply"));
    element.querySelector(".retry").addEventListener("click", () => handlers.onRetry(this));
  }

  static fresh(handlers) {
    const markup = document.getElementById("exchange").content.cloneNode(true);
    return new Exchange(markup.querySelector(".exchange"), handlers);
  }

  get turnId() {
    return this.element.dataset.turn;
  }

  get state() {
    return this.element.dataset.state;
  }

  get live() {
    return ["sending", "queued", "running"].includes(this.state);
  }

  // Behind another answer. What comes of its own ends the waiting as well.
  set waits(waits) {
    this.element.toggleAttribute("data-waits", waits);
  }

  // So many are answered first. The reply's first words end that as well.
  set before(turns) {
    this.element.toggleAttribute("data-before", turns > 0);
    this.element.querySelector(".before").textContent = `${turns.toLocaleString("en")} before you`;
  }

  get text() {
    const questions = [...this.element.querySelectorAll(".question")];
    return questions.map((question) => question.textContent).join("\n\n");
  }

  addQuestion(text) {
    const question = document.createElement("div");
    question.className = "question";
    question.dir = "auto";
    question.textContent = text;
    this.element.querySelector(".questions").append(question);
  }

  follow(turnId) {
    this.element.dataset.turn = turnId;
    this.#become("running");
    this.stream = new TurnStream(turnId, {
      onChange: (change) => {
        this.reply.apply(change);
        this.handlers.onChange();
      },
      onBefore: ({ turns }) => (this.before = turns),
      onEnd: ({ state, error }) => this.#become(state, error),
      onConnection: this.handlers.onConnection,
      onGone: this.handlers.onGone,
    });
  }

  sending() {
    this.#become("sending");
  }

  fail(sentence) {
    this.#become("failed", sentence);
  }

  // What Outrider itself says of an order: no turn, and gone with the page.
  say(text) {
    for (const line of text.split("\n").filter(Boolean)) {
      const said = document.createElement("p");
      said.dir = "auto";
      said.textContent = line;
      this.reply.element.append(said);
    }
    this.#become("done");
  }

  leave() {
    this.stream?.close();
  }

  remove() {
    this.leave();
    this.element.remove();
  }

  #become(state, error = "") {
    this.element.dataset.state = state;
    this.answer.setAttribute("aria-busy", String(this.live));
    if (error) this.element.querySelector(".reason").textContent = error;
    this.handlers.onChange();
    if (!this.live) this.handlers.onEnd(this);
  }
}
