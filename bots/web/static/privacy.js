// Who may read this chat: what the settings say, and what its person allows.
import { post } from "./server.js";

export function answerPrivacy(button, dialog, said) {
  const tell = async (choice) => {
    try {
      said.innerText = (await post("/chat/privacy", { choice })).said;
    } catch (error) {
      said.innerText = error.message;
    }
  };
  button.addEventListener("click", () => {
    said.innerText = "…";
    dialog.showModal();
    tell("");
  });
  dialog.addEventListener("click", ({ target }) => {
    if (target.value === "close") dialog.close();
    else if (target.value) tell(target.value);
  });
}
