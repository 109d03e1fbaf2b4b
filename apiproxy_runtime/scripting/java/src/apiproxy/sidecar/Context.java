package apiproxy.sidecar;

import com.apigee.flow.FlowInfo;
import com.apigee.flow.message.Connection;
import com.apigee.flow.message.FlowContext;
import com.apigee.flow.message.Message;
import com.apigee.flow.message.MessageContext;
import com.apigee.flow.message.TransportMessage;

/** The transaction, as callouts see it. */
final class Context implements MessageContext {
    private final Call call;

    Context(Call call) {
        this.call = call;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> T getVariable(String name) {
        return (T) call.get(name);
    }

    @Override
    @SuppressWarnings({"unchecked", "rawtypes"})
    public <T extends Comparable> T get(String name) {
        return (T) call.get(name);
    }

    @Override
    public boolean setVariable(String name, Object value) {
        return call.set(name, value);
    }

    @Override
    public boolean removeVariable(String name) {
        return call.remove(name);
    }

    private Message message(String name) {
        Object found = call.get(name);
        return found instanceof Message ? (Message) found : null;
    }

    @Override
    public Message getMessage() {
        return new NamedMessage(call, "message");
    }

    @Override
    public Message getMessage(FlowContext context) {
        return isRequest(context) ? getRequestMessage() : getResponseMessage();
    }

    @Override
    public void setMessage(FlowContext context, Message message) {
        call.set(isRequest(context) ? "request" : "response", message);
    }

    private static boolean isRequest(FlowContext context) {
        return context == FlowContext.PROXY_REQUEST || context == FlowContext.TARGET_REQUEST;
    }

    @Override
    public Message getRequestMessage() {
        return new NamedMessage(call, "request");
    }

    @Override
    public void setRequestMessage(Message message) {
        call.set("request", message);
    }

    @Override
    public Message getResponseMessage() {
        return message("response");
    }

    @Override
    public void setResponseMessage(Message message) {
        call.set("response", message);
    }

    @Override
    public Message getErrorMessage() {
        return message("error");
    }

    @Override
    public void setErrorMessage(Message message) {
        call.set("error", message);
    }

    @Override
    public Connection getClientConnection() {
        return new NamedConnection(call, "client");
    }

    @Override
    public Connection getTargetConnection() {
        return call.get("target.name") == null ? null : new NamedConnection(call, "target");
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends FlowInfo> T getFlowInfo(String identifier) {
        Object found = call.get(identifier);
        return found instanceof FlowInfo ? (T) found : null;
    }

    @Override
    public boolean addFlowInfo(FlowInfo info) {
        return call.set(info.getIdentifier(), info);
    }

    @Override
    public void removeFlowInfo(String identifier) {
        call.remove(identifier);
    }

    @Override
    public Message createMessage(TransportMessage message) {
        if (!(message instanceof NamedTransport)) {
            throw new IllegalArgumentException("the message must come from a connection's message factory");
        }
        return ((NamedTransport) message).message;
    }
}
