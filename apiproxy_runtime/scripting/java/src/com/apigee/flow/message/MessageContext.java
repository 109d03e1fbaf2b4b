package com.apigee.flow.message;

import com.apigee.expressions.DataProvider;
import com.apigee.flow.FlowInfo;

/** The flow variables and messages of one transaction. */
public interface MessageContext extends DataProvider {
    Message getMessage();

    Message getMessage(FlowContext context);

    void setMessage(FlowContext context, Message message);

    Message getRequestMessage();

    void setRequestMessage(Message message);

    Message getResponseMessage();

    void setResponseMessage(Message message);

    Message getErrorMessage();

    void setErrorMessage(Message message);

    Connection getClientConnection();

    Connection getTargetConnection();

    /** The value of a flow variable, null when it is not set. */
    <T> T getVariable(String name);

    boolean setVariable(String name, Object value);

    boolean removeVariable(String name);

    <T extends FlowInfo> T getFlowInfo(String identifier);

    boolean addFlowInfo(FlowInfo info);

    void removeFlowInfo(String identifier);

    Message createMessage(TransportMessage message);
}
