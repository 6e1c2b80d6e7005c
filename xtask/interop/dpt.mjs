// The discovery of @ethereumjs/devp2p (DPT, discv4 without records). It takes commands as lines of JSON on stdin, and
// tells what happens as lines of JSON on stdout. All decoding here is that library's, none ours.

import { createInterface } from 'node:readline'
import { DPT, genPrivateKey } from '@ethereumjs/devp2p'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const tell = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)

// Each peer is asked for others every two seconds.
const dpt = new DPT(genPrivateKey(), {
  endpoint: { address: '127.0.0.1', udpPort: null, tcpPort: null },
  refreshInterval: 2000,
})

dpt.events.on('error', (error) => tell('error', { text: String(error) }))
dpt.events.on('peer:added', (peer) => tell('added', { id: hex(peer.id), port: peer.udpPort }))
dpt.events.on('listening', () => {
  // The library does not say which port the system chose; its socket does.
  tell('listening', { id: hex(dpt.id), port: dpt._server._socket.address().port })
})

const commands = {
  bootstrap({ address, udp, tcp }) {
    dpt.bootstrap({ address, udpPort: udp, tcpPort: tcp })
  },
}

dpt.bind(0, '127.0.0.1')

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const command = JSON.parse(line)
  commands[command.do](command)
})
// Whoever started this is gone.
lines.on('close', () => process.exit(0))
