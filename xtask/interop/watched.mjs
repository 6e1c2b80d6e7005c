// Pages in Chromium whose faults are noted: what they write to the console, their errors, and requests to other origins.
// With the environment variable SCREENSHOTS, pictures of the pages are written into that folder.

import assert from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { openBrowser } from './browser.mjs'

const pictures = process.env.SCREENSHOTS

// What the pages must not do.
export const faults = []

// A browser for pages of an origin. `refused`: the browser may write that a request was refused (401).
export const watch = async (origin, { refused = false } = {}) => {
  const browser = await openBrowser()
  browser.on('Runtime.consoleAPICalled', ({ type, args }) => faults.push(`console.${type}: ${JSON.stringify(args)}`))
  browser.on('Runtime.exceptionThrown', ({ exceptionDetails }) => faults.push(JSON.stringify(exceptionDetails)))
  browser.on('Log.entryAdded', ({ entry }) => {
    const isRefusal = /401|HTTP Authentication failed/.test(entry.text)
    if (!refused || !isRefusal) faults.push(`${entry.level}: ${entry.text}`)
  })
  browser.on('Network.requestWillBeSent', ({ request }) => {
    if (!request.url.startsWith(`${origin}/`) && !request.url.startsWith('data:')) faults.push(`a request to ${request.url}`)
  })
  return browser
}

// Waits until an expression is true on the page. It is tried again after each change of the page.
export const until = (browser, expression) =>
  browser.evaluate(`new Promise((resolve, reject) => {
    const check = () => { if (${expression}) { observer.disconnect(); clearTimeout(limit); resolve(true) } }
    const observer = new MutationObserver(check)
    const limit = setTimeout(() => {
      observer.disconnect()
      reject(new Error(${JSON.stringify(expression)} + ' is not true after 60 s: ' + document.body.innerText))
    }, 60000)
    observer.observe(document.body, { attributes: true, characterData: true, childList: true, subtree: true })
    check()
  })`)

export const picture = async (browser, name, scheme = 'light') => {
  if (!pictures) return
  await browser.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
  const options = { captureBeyondViewport: true, format: 'png' }
  const { data } = await browser.call('Page.captureScreenshot', options)
  writeFileSync(join(pictures, `${name}.png`), Buffer.from(data, 'base64'))
}

export const text = (selector) => `(document.querySelector('${selector}')?.textContent ?? '')`

// Presses Tab until an element has the focus. Nothing on the page may catch it.
export const tabTo = async (browser, condition) => {
  for (let presses = 0; presses < 300; presses += 1) {
    if (await browser.evaluate(`Boolean(document.activeElement && (${condition}))`)) return
    await browser.press('Tab')
  }
  assert.fail(`the keyboard does not reach ${condition}`)
}

// Calls a method of a node.
export const rpc = async (url, token, method, ...params) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) }
  const response = await fetch(url, { method: 'POST', headers, body })
  const { result, error } = await response.json()
  assert.equal(error, undefined, `${method}: ${JSON.stringify(error)}`)
  return result
}
