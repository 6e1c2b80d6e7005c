// The page chat.html in Chromium, as a chat in a terminal: lines of standard input are typed into the page, and what the
// page shows is printed. Arguments: `disk` or `server`, where the browser gets the page; channel; password; name; the
// node's URL.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import readline from 'node:readline'

const page = new URL('../../examples/chat.html', import.meta.url)
const [source, channel, password, name, url] = process.argv.slice(2)

// The browser, with the DevTools protocol on two pipes: messages in JSON, each with a zero byte behind it.
const profile = mkdtempSync(join(tmpdir(), 'chat-page-'))
const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage']
const browser = spawn('chromium', [...options, `--user-data-dir=${profile}`, '--remote-debugging-pipe'], {
  stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
})
const waiting = new Map()
let calls = 0
let session
const call = (method, params = {}) =>
  new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject })
    browser.stdio[3].write(`${JSON.stringify({ id: calls, method, params, sessionId: session })}\0`)
  })
const events = new Map()
const event = (method) => new Promise((resolve) => events.set(method, resolve))
let rest = ''
browser.stdio[4].setEncoding('utf8').on('data', (data) => {
  const messages = (rest + data).split('\0')
  rest = messages.pop()
  for (const { id, result, error, method, params } of messages.map((message) => JSON.parse(message))) {
    if (error) waiting.get(id).reject(new Error(error.message))
    else if (id) waiting.get(id).resolve(result)
    else if (method === 'Runtime.consoleAPICalled') console.log(params.args.map(({ value }) => value).join(' '))
    else if (method === 'Runtime.exceptionThrown') console.error(params.exceptionDetails)
    else events.get(method)?.(params)
  }
})

const address = async () => {
  if (source === 'disk') return page.href
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(readFileSync(page)))
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  return `http://localhost:${server.address().port}/chat.html`
}

// Types a text into a field, as a person does.
const type = async (field, text) => {
  await call('Runtime.evaluate', { expression: `document.getElementById('${field}').select()` })
  await call('Input.insertText', { text })
}
const enter = async () => {
  for (const type of ['keyDown', 'keyUp']) {
    await call('Input.dispatchKeyEvent', { type, key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' })
  }
}

const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
session = (await call('Target.attachToTarget', { targetId, flatten: true })).sessionId
await Promise.all(['Page.enable', 'Runtime.enable'].map((method) => call(method)))
const loaded = event('Page.loadEventFired')
await call('Page.navigate', { url: await address() })
await loaded
// Each change of the status and each message goes to the console, which is printed above.
const observe = `new MutationObserver((changes) => {
  for (const { addedNodes } of changes) addedNodes.forEach((node) => console.log(node.textContent))
}).observe(document.querySelector('main'), { childList: true, subtree: true })`
await call('Runtime.evaluate', { expression: observe })
for (const [field, text] of Object.entries({ channel, password, name, url })) await type(field, text)
await enter()
for await (const line of readline.createInterface({ input: process.stdin })) {
  await type('text', line)
  await enter()
}
browser.kill()
await new Promise((closed) => browser.on('close', closed))
rmSync(profile, { recursive: true })
process.exit()
