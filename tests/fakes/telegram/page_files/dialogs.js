// Menus, questions and short notices.

import { element } from "./entities.js"

const byId = (id) => document.getElementById(id)

let toastTimer = 0
export function toast(words) {
  byId("toast").textContent = words
  byId("toast").hidden = false
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => { byId("toast").hidden = true }, 4000)
}

// Asking the one at the keyboard: fields by name, with what they begin with. Null: never mind.
export function ask(words, fields) {
  byId("ask-words").textContent = words
  byId("ask-fields").replaceChildren(...Object.entries(fields).map(([name, value]) => {
    const input = element("input")
    input.name = name
    input.value = value
    return element("label", "", name, input)
  }))
  byId("ask").returnValue = "" // of the last question
  byId("ask").showModal()
  byId("ask-cancel").onclick = () => byId("ask").close()
  return new Promise((done) => {
    byId("ask").onclose = () => {
      if (byId("ask").returnValue !== "yes") return done(null)
      const inputs = byId("ask-fields").querySelectorAll("input")
      done(Object.fromEntries([...inputs].map((input) => [input.name, input.value])))
    }
  })
}

// Whoever goes on with something else wants no menu any more.
function closeMenus() {
  document.querySelectorAll(".menu").forEach((one) => { one.hidden = true })
}
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".menu, [aria-haspopup]")) closeMenus()
})
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeMenus() })

// A menu of [label, note, act]; asked for again, it goes away.
export function menu(id, entries) {
  const box = byId(id)
  const open = box.hidden
  closeMenus()
  if (!open) return
  box.replaceChildren(...entries.map(([label, note, chosenEntry]) => {
    const button = element("button", "", element("b", "", label), element("small", "", note))
    button.onclick = () => {
      box.hidden = true
      chosenEntry()
    }
    return button
  }))
  if (!entries.length) box.append(element("p", "", "The bot has registered none here."))
  box.hidden = false
}
