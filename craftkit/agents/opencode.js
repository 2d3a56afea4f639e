// craftkit for opencode.  Written by `craftkit agents install`; `craftkit agents remove` takes it away.
// Each event runs `craftkit-hook`, which reads JSON and answers with text or JSON, or with nothing.
import { spawn } from "node:child_process"

const EDITS = new Set(["edit", "write", "patch", "apply_patch", "multiedit"])
const SECONDS = { "session-start": 10, stop: 15, "subagent-stop": 10 }

export const Craftkit = async ({ client, directory }) => {
  const brief = new Map() // session -> what the system prompt carries until the next compaction
  const notes = new Map() // session -> what is to be said once
  const parent = new Map()
  const pushed = new Set() // sessions that go on because craftkit said so

  const hook = (event, session, more = {}) =>
    new Promise((resolve) => {
      let out = ""
      const done = (text) => resolve(text.trim())
      try {
        const child = spawn("craftkit-hook", [event, "--agent", "opencode"], {
          cwd: directory,
          stdio: ["pipe", "pipe", "ignore"],
        })
        const timer = setTimeout(() => child.kill(), (SECONDS[event] ?? 5) * 1000)
        child.on("error", () => (clearTimeout(timer), done("")))
        child.on("close", (code) => (clearTimeout(timer), done(code === 0 ? out : "")))
        child.stdout.on("data", (data) => (out += data))
        child.stdin.on("error", () => {})
        child.stdin.end(
          JSON.stringify({ session_id: session, cwd: directory, hook_event_name: event, ...more }),
        )
      } catch {
        done("")
      }
    })
  const parsed = (text) => {
    try {
      return text.startsWith("{") ? JSON.parse(text) : { additionalContext: text }
    } catch {
      return {}
    }
  }
  const say = async (event, session, more) => {
    const answer = parsed(await hook(event, session, more))
    return answer.hookSpecificOutput?.additionalContext ?? answer.additionalContext ?? ""
  }

  const ended = async (session) => {
    const inner = parent.has(session)
    const again = pushed.delete(session)
    const text = await hook(inner ? "subagent-stop" : "stop", session, { stop_hook_active: again })
    const answer = parsed(text)
    if (inner || again || answer.decision !== "block" || !answer.reason) return
    pushed.add(session)
    const parts = [{ type: "text", text: answer.reason }]
    await client.session.prompt({ path: { id: session }, body: { parts } })
  }

  return {
    event: async ({ event }) => {
      try {
        const info = event.properties?.info
        const session = event.properties?.sessionID ?? info?.id
        if (event.type === "session.created" && info?.parentID) parent.set(info.id, info.parentID)
        if (event.type === "session.idle") await ended(session)
        if (event.type === "session.compacted") {
          brief.delete(session)
          await hook("post-compact", session)
        }
        if (event.type === "session.deleted") {
          for (const kept of [brief, notes, parent, pushed]) kept.delete(session)
          await hook("session-end", session)
        }
      } catch {}
    },
    "chat.message": async (input) => {
      const text = await say("prompt", input.sessionID)
      if (text) notes.set(input.sessionID, text)
    },
    "experimental.chat.system.transform": async (input, output) => {
      const session = input?.sessionID
      if (!session) return // a title or a summary is written, not work done
      if (!brief.has(session)) {
        brief.set(session, await say("session-start", session, { source: "startup" }))
      }
      for (const text of [brief.get(session), notes.get(session)]) if (text) output.system.push(text)
      notes.delete(session)
    },
    "tool.execute.after": async (input, output) => {
      if (!EDITS.has(input.tool)) return
      const args = input.args ?? {}
      const path = args.filePath ?? output.metadata?.filediff?.file
      const text = await say("post-edit", input.sessionID, {
        tool_name: input.tool,
        tool_input: path ? { file_path: path } : { command: args.patchText ?? "" },
      })
      if (text && typeof output.output === "string") output.output += `\n\n${text}`
    },
    "experimental.session.compacting": async (input, output) => {
      const text = await say("pre-compact", input.sessionID)
      if (text) output.context.push(text)
    },
  }
}
