package com.apigee.flow;

import com.apigee.flow.message.MessageContext;

/** A FlowInfo whose values can be changed. */
public interface MutableFlowInfo extends FlowInfo {
    boolean setValue(String name, Object value, MessageContext messageContext);

    boolean removeValue(String name);
}
