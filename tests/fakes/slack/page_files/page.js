// The page: what is chosen, what is shown, what was typed. Everything that happens goes through
// the same JSON that tests use.

import { blocks, valuesOf } from "./blocks.js"
import { logged } from "./calls.js"
import { ephemeral, message } from "./messages.js"
import { element } from "./words.js"

const byId = (id) => document.getElementById(id)
const chosen = { team: "", user: "U0YOU", channel: "C0GENERAL", thread: "", tab: "messages" }
let view = null
let shown = ""
let editing = null
let toastTimer = 0

function toast(words) {
  byId("toast").textContent = words
  byId("toast").hidden = false
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => { byId("toast").hidden = true }, 4000)
}

async function act(name, given = {}) {
  const { team, user, channel } = chosen
  const answer = await fetch(`/_fake/do/${name}`, { method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ team, user, channel, ...given }) })
  const said = await answer.json()
  if (!answer.ok) return toast(said.error)
  await look()
  return said.result
}

// Looking

async function look() {
  const asked = new URLSearchParams({ team: chosen.team, user: chosen.user, channel: chosen.channel })
  const answer = await fetch(`/_fake/view?${asked}`)
  if (!answer.ok) throw new Error(`The server answered ${answer.status}`)
  const seen = await answer.json()
  const text = JSON.stringify([seen, chosen])
  if (text === shown) return
  shown = text
  view = seen
  view.names = Object.fromEntries([...view.people, view.bot].map((one) => [one.id, one.name]))
  draw()
}

function draw() {
  options("team", view.workspaces.map((one) =>
    [one.team, one.installed ? one.name : `${one.name} (not installed)`]), chosen.team)
  options("person", view.people.map((one) =>
    [one.id, one.outsider ? `${one.name} (other company)` : one.name]), chosen.user)
  byId("channels").replaceChildren(...view.channels.map(line))
  const direct = view.channel.kind === "im"
  byId("title").textContent = label(view.channel)
  byId("about").textContent = direct ? "app" : view.channel.shared ? "shared with another company" : ""
  byId("tabs").hidden = !direct
  form("composer").placeholder = direct ? "Message" : "Message; @Outrider calls the bot"
  drawHome(direct && chosen.tab === "home")
  drawMessages()
  drawThread()
  drawModal()
  byId("calls").replaceChildren(...logged(view.calls))
}

function options(id, all, value) {
  byId(id).replaceChildren(...all.map(([key, words]) => {
    const made = element("option", "", words)
    made.value = key
    made.selected = key === value
    return made
  }))
}

const label = (channel) => (channel.kind === "im" ? channel.name : `# ${channel.name}`)

function line(channel) {
  const made = element("button", "", label(channel))
  if (channel.id === chosen.channel) made.setAttribute("aria-current", "true")
  made.onclick = () => choose({ channel: channel.id, thread: "" })
  return made
}

function kept(box, made) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60
  box.replaceChildren(...made)
  if (atEnd) box.scrollTop = box.scrollHeight
}

function drawMessages() {
  const counts = {}
  for (const one of view.messages) if (one.thread) counts[one.thread] = (counts[one.thread] ?? 0) + 1
  const made = view.messages.filter((one) => !one.thread)
    .map((one) => message(one, view, chosen.user, acts, counts[one.ts] ?? 0))
  made.push(...view.ephemerals.filter((one) => !one.thread).map((one) => ephemeral(one, view)))
  if (!made.length) made.push(element("p", "empty", "Nothing was written here yet. Say hello."))
  const pane = view.prompts[""]
  if (pane) made.push(prompts(pane, ""))
  kept(byId("messages"), made)
}

function drawThread() {
  byId("thread").hidden = !chosen.thread
  if (!chosen.thread) return
  byId("thread-title").textContent = view.titles[chosen.thread] ?? "Thread"
  const made = view.messages.filter((one) => [one.ts, one.thread].includes(chosen.thread))
    .map((one) => message(one, view, chosen.user, acts))
  made.push(...view.ephemerals.filter((one) => one.thread === chosen.thread)
    .map((one) => ephemeral(one, view)))
  const offered = view.prompts[chosen.thread]
  if (offered && made.length < 2) made.push(prompts(offered, chosen.thread))
  kept(byId("replies"), made)
  const status = view.statuses[chosen.thread]
  byId("status").hidden = !status
  byId("status").textContent = status ? `Outrider ${status.text} ${status.loading[0] ?? ""}` : ""
}

function prompts({ title, prompts: all }, thread) {
  return element("div", "prompts", title ? element("b", "", title) : null, ...all.map((one) => {
    const made = element("button", "", one.title)
    made.onclick = () => act("say", { text: one.message, thread })
    return made
  }))
}

function drawHome(open) {
  byId("home").hidden = !open
  byId("messages").hidden = byId("composer").hidden = open
  for (const tab of byId("tabs").children) {
    tab.setAttribute("aria-selected", String(tab.dataset.tab === chosen.tab))
  }
  const made = view.home ? blocks(view.home.blocks, view.names,
    (action) => act("press_in_home", { action })) : ["The bot has published no home tab yet."]
  byId("home").replaceChildren(element("div", "", ...made))
}

let modalShown = ""
function drawModal() {
  const box = byId("modal")
  const modal = view.modal
  if (!modal) return box.close()
  const text = JSON.stringify(modal)
  if (text === modalShown && box.open) return
  modalShown = text
  const faults = Object.values(modal.errors ?? {}).map((one) => element("p", "fault", one))
  const send = element("button", "primary", modal.submit?.text ?? "OK")
  const close = element("button", "", modal.close?.text ?? "Cancel")
  close.type = "button"
  close.onclick = () => act("close", { view_id: modal.id })
  const form = element("form", "", element("h2", "", modal.title.text),
    ...blocks(modal.blocks, view.names, () => {}), ...faults,
    element("div", "controls", close, send))
  form.onsubmit = (event) => {
    event.preventDefault()
    act("submit", { view_id: modal.id, values: valuesOf(form) })
  }
  box.replaceChildren(form)
  if (!box.open) box.showModal()
}

function choose(what) {
  Object.assign(chosen, what)
  editing = null
  document.body.dataset.side = "chat"
  return look()
}

// What is done with a message

const acts = {
  thread: (one) => choose({ thread: one.ts }),
  press: (one, action) => act("press", { ts: one.ts, action_id: action.action_id,
    ...(action.value === undefined ? {} : { value: action.value }) }),
  shortcut: (one) => act("shortcut", { ts: one.ts, callback_id: "ask_about_message" }),
  stopStream: (one) => act("stop_stream", { ts: one.ts }),
  remove: (one) => act("delete", { ts: one.ts }),
  edit(one) {
    editing = one.ts
    const box = form(one.thread ? "reply" : "composer")
    box.value = one.text.replace(/&(amp|lt|gt);/g, (sign) =>
      ({ "&amp;": "&", "&lt;": "<", "&gt;": ">" })[sign])
    box.focus()
  },
}

// Writing

const form = (id) => byId(id).querySelector("textarea")

async function send(id) {
  const box = form(id)
  const text = box.value.trim()
  const thread = id === "reply" ? chosen.thread : ""
  if (!text) return
  box.value = ""
  if (editing) {
    const ts = editing
    editing = null
    return act("edit", { ts, text })
  }
  if (!text.startsWith("/")) return act("say", { text, thread })
  if (thread) return toast("Slack has no commands in threads. Try a word with ! before it.")
  return act("command", { text })
}

let fileThread = ""
for (const id of ["composer", "reply"]) {
  byId(id).onsubmit = (event) => {
    event.preventDefault()
    send(id)
  }
  form(id).onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey) return
    event.preventDefault()
    send(id)
  }
  byId(id).querySelector(".attach").onclick = () => {
    fileThread = id === "reply" ? chosen.thread : ""
    byId("file").click()
  }
}

byId("file").onchange = () => {
  const [file] = byId("file").files
  if (!file) return
  const reader = new FileReader()
  reader.onload = async () => {
    await act("share", { name: file.name, mimetype: file.type || "application/octet-stream",
      data: reader.result.split(",", 2)[1] ?? "", thread: fileThread })
    byId("file").value = ""
  }
  reader.readAsDataURL(file)
}

byId("team").onchange = () => choose({ team: byId("team").value, thread: "" })
byId("person").onchange = () => {
  const user = byId("person").value
  const direct = chosen.channel === `D${chosen.user}`
  choose({ user, thread: "", channel: direct ? `D${user}` : chosen.channel })
}
for (const tab of byId("tabs").children) {
  tab.onclick = async () => {
    await choose({ tab: tab.dataset.tab, thread: "" })
    act("open_home", { tab: tab.dataset.tab })
  }
}
byId("open-assistant").onclick = async () => {
  const thread = await act("open_assistant", { looking_at: chosen.channel })
  choose({ channel: `D${chosen.user}`, thread, tab: "messages" })
}
byId("show-calls").onclick = () => { byId("log").hidden = !byId("log").hidden }
byId("hide-calls").onclick = () => { byId("log").hidden = true }
document.querySelector("#thread .close").onclick = () => choose({ thread: "" })
document.querySelector(".back").onclick = () => { document.body.dataset.side = "side" }
byId("modal").oncancel = (event) => {
  event.preventDefault()
  act("close", { view_id: view.modal.id })
}

async function watch() {
  for (;;) {
    try {
      await look()
    } catch (error) {
      byId("about").textContent = `This page has lost its server: ${error.message}`
    }
    await new Promise((done) => setTimeout(done, 250))
  }
}
watch()
