package apiproxy.sidecar;

import com.apigee.flow.message.Connection;
import com.apigee.flow.message.MessageContext;
import com.apigee.flow.message.TransportMessage;
import com.apigee.flow.message.TransportMessageFactory;
import java.net.InetSocketAddress;

/** The connection to the client or the target, as the variables `client.*` or `target.*` tell it. */
final class NamedConnection extends Connection implements TransportMessageFactory {
    private final Call call;
    private final String name;

    NamedConnection(Call call, String name) {
        this.call = call;
        this.name = name;
    }

    @Override
    public Object getValue(String part) {
        return call.get(name + "." + part);
    }

    private String text(String part) {
        Object value = getValue(part);
        return value == null ? null : value.toString();
    }

    private long number(String part) {
        Object value = getValue(part);
        return value instanceof Number ? ((Number) value).longValue() : 0;
    }

    @Override
    public TransportMessageFactory getMessageFactory() {
        return this;
    }

    @Override
    public TransportMessage createRequest(MessageContext messageContext) {
        return new NamedTransport(new NamedMessage(call, call.make(true)));
    }

    @Override
    public TransportMessage createResponse(MessageContext messageContext) {
        return new NamedTransport(new NamedMessage(call, call.make(false)));
    }

    @Override
    public boolean isSSL() {
        return "https".equals(getScheme());
    }

    @Override
    public String getSubjectPrincipal() {
        return text("cn");
    }

    @Override
    public String getScheme() {
        return text("scheme");
    }

    @Override
    public String getHost() {
        return text("host");
    }

    @Override
    public String getIP() {
        return text("ip");
    }

    @Override
    public int getPort() {
        return (int) number("port");
    }

    @Override
    public InetSocketAddress getAddress() {
        String host = getIP() != null ? getIP() : getHost();
        return host == null ? null : InetSocketAddress.createUnresolved(host, getPort());
    }

    @Override
    public InetSocketAddress getAcceptedFrom() {
        return getAddress();
    }

    @Override
    public long getReceivedContentLength() {
        return number("received.content.length");
    }

    @Override
    public long getReceivedStartTimestamp() {
        return number("received.start.timestamp");
    }

    @Override
    public long getReceivedEndTimestamp() {
        return number("received.end.timestamp");
    }

    @Override
    public long getSentContentLength() {
        return number("sent.content.length");
    }

    @Override
    public long getSentStartTimestamp() {
        return number("sent.start.timestamp");
    }

    @Override
    public long getSentEndTimestamp() {
        return number("sent.end.timestamp");
    }
}
