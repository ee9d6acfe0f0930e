extension JackfieldHost {
    func ack(_ token: jf_token, _ arguments: EventArguments) throws(HostError) -> Bool {
        try withText(arguments.json) { (json) throws(HostError) in
            try withByteStrings(arguments.attachments) { (attachments, count) throws(HostError) in
                try reached(events.ack?(pointer, token, json, attachments, count), "events.ack")
            }
        }
    }

    func fail(_ token: jf_token, _ problem: Problem) {
        guard token != 0 else { return }
        withText(problem.ackCode) { code in
            withText(problem.message) { message in _ = events.ack_error?(pointer, token, code, message) }
        }
    }
}
