// The log of the bot's calls.

import { element } from "./words.js"

const NAMED = ["channel", "channel_id", "ts", "markdown_text", "text", "status", "title"]

export function logged(calls) {
  return [...calls].reverse().map((call) => {
    const said = NAMED.filter((name) => call.arguments[name])
      .map((name) => String(call.arguments[name]).slice(0, 60)).join(" · ")
    return element("li", call.error ? "refused" : "", element("b", "", call.method),
      call.error ? element("p", "", call.error) : null,
      element("details", "", element("summary", "", said || "arguments"),
        element("pre", "", JSON.stringify(call.arguments, null, 1))))
  })
}
