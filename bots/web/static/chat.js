// Puts the page's parts together.
import { answerCopyButtons } from "./copy.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { EngineStatus } from "./status.js";
import { answerPrivacy } from "./privacy.js";
import { followEnd } from "./scroll.js";
import { post } from "./server.js";
import { keepUnsent, takeUnsent } from "./unsent.js";

const byId = (id) => document.getElementById(id);
const status = new EngineStatus();
const scroll = followEnd(byId("scroll"), byId("down"));

const composer = new Composer({
  send: (text) => {
    composer.complain("");
    conversation.ask(text);
    scroll.toEnd();
  },
  stop: () => conversation.stop(),
});

const conversation = new Conversation({
  element: byId("conversation"),
  onChange: (count, live) => {
    byId("empty").hidden = count > 0;
    composer.live = live;
    scroll.stay();
  },
  onConnection: (connected) => status.connection(connected),
  onTrouble: (sentence) => composer.complain(sentence),
});

byId("new").addEventListener("click", async () => {
  try {
    await post("/chat/new");
    conversation.clear();
    composer.complain("");
  } catch (error) {
    composer.complain(error.message);
  }
  composer.focus();
});

for (const example of document.querySelectorAll(".example")) {
  example.addEventListener("click", () => {
    composer.focus();
    conversation.ask(example.textContent);
  });
}

answerCopyButtons(byId("conversation"));
answerPrivacy(byId("privacy"), byId("readers"), byId("readers-said"));
// Until the page goes, somebody may go on writing.
const keep = () => keepUnsent([...conversation.unsent, composer.text]);
addEventListener("signedout", () => addEventListener("pagehide", keep));
const unsent = takeUnsent();
if (unsent) {
  composer.text = unsent;
  composer.complain("Your sign-in had ended, so this was not sent. Send it now.");
}
conversation.resume();
scroll.toEnd();
status.watch();
