// The list of chats on the left, and the log of calls on the right.

import { element } from "./entities.js"

export function listed(chats, bot, chosen, choose) {
  return chats.flatMap((chat) => [
    line(chat, chat.title || bot.first_name, chat.last, chosen.chat === chat.id && !chosen.topic,
      () => choose(chat.id, null)),
    ...chat.topics.map((topic) =>
      line(chat, `# ${topic.name}`, topic.closed ? "closed" : "topic",
        chosen.chat === chat.id && chosen.topic === topic.id,
        () => choose(chat.id, topic.id), "topic")),
  ])
}

function line(chat, title, last, chosen, choose, kind = "") {
  const icon = element("span", "icon", kind ? "#" : initial(title))
  icon.dataset.kind = chat.kind
  const words = element("span", "words", element("b", "", kind ? title.slice(2) : title),
    element("small", "", last))
  const made = element("button", `line ${kind}${chosen ? " chosen" : ""}`, icon, words)
  if (chosen) made.setAttribute("aria-current", "true")
  made.onclick = choose
  return made
}

function initial(title) {
  return ([...title][0] ?? "?").toUpperCase()
}

export function logged(calls) {
  return [...calls].reverse().map((call) => {
    const made = element("li", call.refusal ? "refused" : "",
      element("b", "", call.method), element("small", "", `${call.at.toFixed(2)} s`))
    if (call.refusal) made.append(element("p", "", call.refusal))
    const details = element("details", "", element("summary", "", brief(call.params)),
      element("pre", "", JSON.stringify(call.params, null, 1)))
    made.append(details)
    return made
  })
}

function brief(params) {
  const named = ["chat_id", "message_id", "text", "action", "url"]
  const said = named.filter((name) => params[name] !== undefined)
  return said.map((name) => String(params[name]).slice(0, 60)).join(" · ") || "parameters"
}
