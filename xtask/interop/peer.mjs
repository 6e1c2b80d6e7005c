// A devp2p node made with @ethereumjs/devp2p. It runs shh/6 and echo/1 on each connection, reads commands as lines of
// JSON from stdin and writes events as lines of JSON to stdout. All decoding is done by that library.

import { createInterface } from 'node:readline'
import { DISCONNECT_REASON, DisconnectReasonNames, RLPx, genPrivateKey } from '@ethereumjs/devp2p'
import { RLP } from '@ethereumjs/rlp'
import * as snappy from 'snappyjs'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const bytes = (text) => new Uint8Array(Buffer.from(text, 'hex'))
const emit = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)

// The IEEE 754 bits of a proof-of-work requirement are an RLP integer: no leading zero bytes.
const floatBits = (value) => {
  const bits = Buffer.alloc(8)
  bits.writeDoubleBE(value)
  return bits.subarray(bits.findIndex((byte) => byte !== 0))
}
const floatOf = (bits) => Buffer.concat([Buffer.alloc(8 - bits.length), bits]).readDoubleBE()

// The part that both protocols share. Codes are relative to the protocol. Payloads are compressed if both ends support
// version 5 of devp2p.
class Protocol {
  constructor(version, peer, send) {
    this.peer = peer
    this.sendRaw = send
    peer.events.once('connect', () => this.start())
  }
  start() {}
  send(code, payload) {
    const compressed = this.peer.getHelloMessage().protocolVersion >= 5
    this.sendRaw(code, compressed ? snappy.compress(payload) : payload)
  }
}

class Shh extends Protocol {
  start() {
    const bloom = new Uint8Array(64).fill(0xff)
    this.send(0, RLP.encode([6, floatBits(0.001), bloom, 0]))
  }
  _handleMessage(code, payload) {
    if (code === 0) {
      const [version, work, bloom] = RLP.decode(payload)
      emit('status', { version: version[0], work: floatOf(work), bloom: bloom.length })
    } else if (code === 1) {
      for (const envelope of RLP.decode(payload)) {
        if (envelope.length !== 5) throw new Error(`an envelope of ${envelope.length} fields`)
        emit('envelope', { raw: hex(RLP.encode(envelope)) })
      }
    } else {
      emit('control', { code, payload: hex(payload) })
    }
  }
}

class Echo extends Protocol {
  _handleMessage(code, payload) {
    const word = hex(RLP.decode(payload))
    emit(code === 0 ? 'ping' : 'pong', { word })
    if (code === 0) this.send(1, payload)
  }
}

const capabilities = [
  { name: 'shh', version: 6, length: 128, constructor: Shh },
  { name: 'echo', version: 1, length: 2, constructor: Echo },
]
const rlpx = new RLPx(genPrivateKey(), { capabilities, timeout: 10_000, maxPeers: 5 })
const connections = new Set()

rlpx.events.on('error', (error) => emit('error', { text: String(error) }))
rlpx.events.on('peer:error', (_, error) => emit('error', { text: String(error) }))
rlpx.events.on('peer:added', (peer) => {
  connections.add(peer)
  const hello = peer.getHelloMessage()
  emit('connected', {
    id: hex(peer.getId()),
    client: hello.clientId,
    capabilities: hello.capabilities.map(({ name, version }) => `${name}/${version}`),
    running: peer.getProtocols().map((protocol) => protocol.constructor.name),
  })
})
rlpx.events.on('peer:removed', (peer, reason, byUs) => {
  connections.delete(peer)
  emit('disconnected', { reason: DisconnectReasonNames[reason] ?? String(reason), byUs: byUs === true })
})

const running = (type) => {
  for (const peer of connections) {
    const found = peer.getProtocols().find((protocol) => protocol instanceof type)
    if (found !== undefined) return found
  }
  throw new Error(`${type.name} runs on no connection`)
}

const commands = {
  dial({ id, address, port }) {
    rlpx.connect({ id: bytes(id), address, tcpPort: port }).catch((error) => emit('error', { text: String(error) }))
  },
  ping({ word }) {
    running(Echo).send(0, RLP.encode(bytes(word)))
  },
  envelopes({ raw }) {
    running(Shh).send(1, RLP.encode(raw.map((envelope) => RLP.decode(bytes(envelope)))))
  },
  leave() {
    for (const peer of connections) peer.disconnect(DISCONNECT_REASON.CLIENT_QUITTING)
  },
}

// The library does not report the port that the system has chosen, but its server knows it.
rlpx.listen(0, '127.0.0.1', () => {
  emit('listening', { id: hex(rlpx.id), port: rlpx._server.address().port })
})

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const command = JSON.parse(line)
  try {
    commands[command.do](command)
  } catch (error) {
    emit('error', { text: String(error) })
  }
})
// The process that started this one has ended.
lines.on('close', () => process.exit(0))
