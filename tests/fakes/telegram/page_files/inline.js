// The inline query box: what the bot offers is shown, and one of it is sent into the chat.

import { element } from "./entities.js"

const byId = (id) => document.getElementById(id)

export function openInline() {
  byId("inline").hidden = false
  byId("inline-query").focus()
}

// `chosen`: who asks, and where the result goes. `act` and `answered` speak with the server.
export function inlineQueries(chosen, act, answered) {
  let typed = 0
  async function queried() {
    const mine = ++typed
    await new Promise((done) => setTimeout(done, 400))
    if (mine !== typed) return
    const query = byId("inline-query").value
    const id = await act("user_types_inline", { query, sender_id: chosen.person })
    const said = id && await answered(id)
    if (mine !== typed) return
    const offered = (said?.results ?? []).map((result) => offer(id, result))
    byId("inline-results").replaceChildren(...offered)
  }
  function offer(query_id, result) {
    const button = element("button", "", element("b", "", result.title ?? result.type),
      element("small", "", result.description ?? ""))
    button.onclick = () => {
      byId("inline").hidden = true
      act("user_chooses", { query_id, result_id: result.id, chat_id: chosen.chat })
    }
    return button
  }
  byId("inline-query").oninput = queried
  byId("inline-close").onclick = () => { byId("inline").hidden = true }
}
