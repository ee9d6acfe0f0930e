import Support

/// What a plugin's clients are refused, for whoever counts and logs it. [any-thread]
extension LoadedPlugin {
    /// An event found no room in the queue.
    func eventRefused(_ refusal: QueueBudget.Refusal, from address: String) {
        host.onRefusal(RefusalRecord(.event, reason: refusal == .full ? "queue_full" : "queue_share", detail: overload(refusal), address: address, plugin: name))
    }

    /// A handler has answered, or would have if the client waited, with an error.
    func handlerFailed(code: String, message: String) {
        host.onRefusal(RefusalRecord(.handler, reason: code, detail: message, plugin: name))
    }
}
