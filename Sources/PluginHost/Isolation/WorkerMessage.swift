/// What a message between the daemon and a worker says. The file of each side that handles a kind documents its fields.
enum WorkerMessage: UInt16 {
    // From the daemon: the steps of the plugin's life. The worker answers each with `stepDone`.
    case load = 1
    case create
    case start
    case stop
    case destroy
    case save
    case restore
    case resumed

    // From the daemon: callbacks. The worker answers each with `returned` when the callback has returned.
    case event = 16
    case admit
    case socketEvent
    case request
    case presence
    case method
    case function
    case answer
    case answers
    case fetched
    case streamWritable
    case streamClosed
    case bindingChanged
    case callResult
    case freeData

    // From the worker.
    case stepDone = 64
    case returned
    case log
    case readiness
    case batchBegin
    case batchEnd
    /// A call: the next piece of a reply.
    case replyRest

    // From the worker: functions of the header.
    case keep = 128
    case drop
    case waits
    case emit
    case emitAck
    case broadcast
    case broadcastAck
    case ack
    case ackError
    case describe
    case setData
    case setPluginData
    case pluginData
    case disconnect
    case disconnectAll
    case fetch
    case accept
    case refuse
    case join
    case leave
    case joinAll
    case leaveAll
    case members
    case isOnline
    case connections
    case onlineCount
    case watch
    case unwatch
    case respond
    case problem
    case stream
    case watchStream
    case write
    case finish
    case bind
    case unbind
    case bindingStatus
    case call
    case callAsync
    case complete
}
