import JackfieldPlugin
import NotificationsPlugin

@c @implementation
public func jf_plugin_main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
    Notifications.main(boot, plugin)
}
