// Chromium without a window, driven over the DevTools protocol on two pipes: JSON, each message with a zero byte behind it.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const OPTIONS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage']

const KEYS = { Enter: ['Enter', 13, '\r'], Tab: ['Tab', 9], End: ['End', 35], Space: [' ', 32, ' '] }

// Starts the browser with one empty page. Its methods wait for their answers.
export async function openBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'page-'))
  const arguments_ = [...OPTIONS, `--user-data-dir=${profile}`, '--remote-debugging-pipe']
  const process_ = spawn('chromium', arguments_, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
  const waiting = new Map()
  const handlers = new Map()
  let calls = 0
  let session
  const call = (method, params = {}) =>
    new Promise((resolve, reject) => {
      waiting.set(++calls, { resolve, reject })
      process_.stdio[3].write(`${JSON.stringify({ id: calls, method, params, sessionId: session })}\0`)
    })
  let rest = ''
  process_.stdio[4].setEncoding('utf8').on('data', (data) => {
    const messages = (rest + data).split('\0')
    rest = messages.pop()
    for (const { id, result, error, method, params } of messages.map((message) => JSON.parse(message))) {
      if (error) waiting.get(id).reject(new Error(error.message))
      else if (id) waiting.get(id).resolve(result)
      else handlers.get(method)?.(params)
      if (id) waiting.delete(id)
    }
  })
  const on = (method, handler) => handlers.set(method, handler)
  const evaluate = async (expression) => {
    const answer = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (answer.exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(answer.exceptionDetails)}`)
    return answer.result.value
  }
  const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
  session = (await call('Target.attachToTarget', { targetId, flatten: true })).sessionId
  await Promise.all(['Page.enable', 'Runtime.enable', 'Network.enable', 'Log.enable'].map((method) => call(method)))
  return {
    call,
    on,
    evaluate,
    // Loads a page.
    async open(url) {
      const loaded = new Promise((resolve) => on('Page.loadEventFired', resolve))
      await call('Page.navigate', { url })
      await loaded
    },
    // Types a text where the focus is.
    type: (text) => call('Input.insertText', { text }),
    // Presses a key, as a person does.
    async press(name) {
      const [key, windowsVirtualKeyCode, text] = KEYS[name]
      for (const type of ['keyDown', 'keyUp']) {
        await call('Input.dispatchKeyEvent', { type, key, code: name, windowsVirtualKeyCode, text })
      }
    },
    async close() {
      process_.kill()
      await new Promise((closed) => process_.on('close', closed))
      // Processes of the browser may write for another moment.
      rmSync(profile, { recursive: true, maxRetries: 20, retryDelay: 100 })
    },
  }
}
